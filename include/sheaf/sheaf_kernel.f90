! sheaf_kernel.f90 - <sheaf/kernel.h> for Fortran 2008: the same structs, and procedures for what kernels say and ask.
!
! Compile it together with the kernel, since module files are a compiler's own; jobs/plugin-fortran is an example. What
! the structs and services mean stands in sheaf/kernel.h and sheaf-kernel(7). Here items of a block, inputs, outputs and
! params count from 1. The functions of a kernel are bind(c); Sheaf finds the table by a function of the module's user,
!
!     function table() bind(c, name='sheaf_kernel_NAME_table') result(address)
!
! which fills a sheaf_table by sheaf_describe and returns its c_loc. Compile with -frecursive, or large local arrays are
! shared between threads.
module sheaf_kernel
  use, intrinsic :: iso_c_binding
  implicit none
  public

  integer(c_int32_t), parameter :: sheaf_kernel_abi = 2

  ! What a field or a param holds: real(c_double), real(c_float), integer(c_int64_t), (c_int32_t), (c_int8_t), …
  integer(c_int32_t), parameter :: sheaf_float64 = 1, sheaf_float32 = 2, sheaf_int64 = 3, sheaf_int32 = 4, &
      sheaf_uint8 = 5, sheaf_text = 6, sheaf_file = 7
  integer(c_int32_t), parameter :: sheaf_optional = 1                                      ! of a field
  integer(c_int32_t), parameter :: sheaf_pure = 1, sheaf_serial = 2, sheaf_many = 4        ! of a shape
  integer(c_int32_t), parameter :: sheaf_ok = 0, sheaf_block_failed = -1, sheaf_broken = -2 ! what map returns
  integer(c_int32_t), parameter :: sheaf_failed = 2, sheaf_timed_out = 3, sheaf_crashed = 4 ! how an item ended
  integer(c_int64_t), parameter :: sheaf_whole_block = 0                                   ! in place of an item

  type, bind(c) :: sheaf_text_value ! of an input: length bytes at data
    type(c_ptr) :: data
    integer(c_size_t) :: length
  end type

  type, bind(c) :: sheaf_field
    type(c_ptr) :: name = c_null_ptr
    integer(c_int32_t) :: type = sheaf_float64
    integer(c_int64_t) :: width = 1
    integer(c_int32_t) :: flags = 0
    type(c_ptr) :: unit = c_null_ptr, long_name = c_null_ptr
  end type

  type, bind(c) :: sheaf_param
    type(c_ptr) :: name = c_null_ptr
    integer(c_int32_t) :: type = sheaf_float64
    type(c_ptr) :: initial = c_null_ptr, unit = c_null_ptr, help = c_null_ptr
  end type

  type, bind(c) :: sheaf_setup
    integer(c_size_t) :: struct_size
    type(c_ptr) :: engine, params, inputs, fields
    integer(c_int32_t) :: n_inputs, n_fields, n_threads, thread, slot, reserved
    type(c_ptr) :: shared
    integer(c_size_t) :: shared_bytes
    type(c_funptr) :: refuse, refuse_text, warn, warn_text
    type(c_funptr) :: find_shared
    type(c_ptr) :: arrays
  end type

  ! What the job shares, in C's order: the last index is the fastest, so shape(1) is Fortran's last dimension.
  type, bind(c) :: sheaf_array
    type(c_ptr) :: data
    integer(c_int32_t) :: type, n_dims
    integer(c_int64_t) :: shape(8)
  end type

  type, bind(c) :: sheaf_shape
    integer(c_size_t) :: struct_size
    type(c_ptr) :: outputs
    integer(c_int32_t) :: n_outputs, flags
    integer(c_int64_t) :: block
    integer(c_size_t) :: scratch_bytes
  end type

  type, bind(c) :: sheaf_random
    integer(c_int64_t) :: key(2), n_drawn, block(4), reserved
  end type

  type, bind(c) :: sheaf_context
    integer(c_size_t) :: struct_size
    type(c_ptr) :: engine, shared
    integer(c_size_t) :: shared_bytes
    type(c_ptr) :: thread_self, scratch
    integer(c_int32_t) :: thread, slot, attempt, reserved
    type(c_funptr) :: fail, fail_text, end, end_text, give_back, should_stop, warn, warn_text, emit_text
    type(c_funptr) :: random, uniform, bits, find_shared
    type(c_ptr) :: arrays
  end type

  type, bind(c) :: sheaf_block
    integer(c_size_t) :: struct_size
    integer(c_int64_t) :: first, n, n_padded ! first: the index of the first item in the job, from 0 as everywhere
    type(c_ptr) :: in, out
  end type

  type, bind(c) :: sheaf_head
    integer(c_int32_t) :: abi, struct_size, field_bytes, param_bytes
    type(c_ptr) :: name
  end type

  type, bind(c) :: sheaf_table
    type(sheaf_head) :: head
    type(c_ptr) :: version, summary
    integer(c_int32_t) :: flags, n_params
    type(c_ptr) :: params
    integer(c_int32_t) :: n_inputs
    type(c_ptr) :: inputs
    type(c_funptr) :: open, close, shared_bytes, prepare, thread_open, thread_close, map
  end type

  interface sheaf_warn
    module procedure warn_setup, warn_context
  end interface

  private :: warn_setup, warn_context, find_column

  abstract interface
    function sheaf_refuse_text_service(setup, message, length) bind(c) result(rc)
      import
      type(sheaf_setup), intent(in) :: setup
      character(kind=c_char), intent(in) :: message(*)
      integer(c_size_t), value :: length
      integer(c_int32_t) :: rc
    end function
    subroutine sheaf_setup_warn_service(setup, message, length) bind(c)
      import
      type(sheaf_setup), intent(in) :: setup
      character(kind=c_char), intent(in) :: message(*)
      integer(c_size_t), value :: length
    end subroutine
    subroutine sheaf_context_warn_service(context, message, length) bind(c)
      import
      type(sheaf_context), intent(in) :: context
      character(kind=c_char), intent(in) :: message(*)
      integer(c_size_t), value :: length
    end subroutine
    subroutine sheaf_fail_text_service(context, k, message, length) bind(c)
      import
      type(sheaf_context), intent(in) :: context
      integer(c_int64_t), value :: k
      character(kind=c_char), intent(in) :: message(*)
      integer(c_size_t), value :: length
    end subroutine
    subroutine sheaf_end_text_service(context, k, outcome, message, length) bind(c)
      import
      type(sheaf_context), intent(in) :: context
      integer(c_int64_t), value :: k
      integer(c_int32_t), value :: outcome
      character(kind=c_char), intent(in) :: message(*)
      integer(c_size_t), value :: length
    end subroutine
    subroutine sheaf_emit_text_service(context, k, output, data, length) bind(c)
      import
      type(sheaf_context), intent(in) :: context
      integer(c_int64_t), value :: k
      integer(c_int32_t), value :: output
      character(kind=c_char), intent(in) :: data(*)
      integer(c_size_t), value :: length
    end subroutine
    subroutine sheaf_give_back_service(context, k) bind(c)
      import
      type(sheaf_context), intent(in) :: context
      integer(c_int64_t), value :: k
    end subroutine
    function sheaf_should_stop_service(context) bind(c) result(stop_now)
      import
      type(sheaf_context), intent(in) :: context
      integer(c_int32_t) :: stop_now
    end function
    subroutine sheaf_random_service(context, k, stream) bind(c)
      import
      type(sheaf_context), intent(in) :: context
      integer(c_int64_t), value :: k
      type(sheaf_random), intent(out) :: stream
    end subroutine
    subroutine sheaf_uniform_service(stream, n, values) bind(c)
      import
      type(sheaf_random), intent(inout) :: stream
      integer(c_int64_t), value :: n
      real(c_double), intent(out) :: values(*)
    end subroutine
  end interface

contains

  ! --- the table ------------------------------------------------------------------------------------------------------

  ! A text for C. It lives as long as the program.
  function sheaf_string(text) result(address)
    character(len=*), intent(in) :: text
    type(c_ptr) :: address
    character(kind=c_char), pointer :: copy(:)
    integer :: i
    allocate (copy(len(text) + 1))
    do i = 1, len(text)
      copy(i) = text(i:i)
    end do
    copy(len(text) + 1) = c_null_char
    address = c_loc(copy)
  end function

  function sheaf_new_field(name, type, width, unit, long_name, flags) result(field)
    character(len=*), intent(in) :: name
    integer(c_int32_t), intent(in) :: type
    integer(c_int64_t), intent(in), optional :: width
    character(len=*), intent(in), optional :: unit, long_name
    integer(c_int32_t), intent(in), optional :: flags
    type(sheaf_field) :: field
    field%name = sheaf_string(name)
    field%type = type
    if (present(width)) field%width = width
    if (present(unit)) field%unit = sheaf_string(unit)
    if (present(long_name)) field%long_name = sheaf_string(long_name)
    if (present(flags)) field%flags = flags
  end function

  ! Without `initial` the job must set the param.
  function sheaf_new_param(name, type, initial, unit, help) result(param)
    character(len=*), intent(in) :: name
    integer(c_int32_t), intent(in) :: type
    character(len=*), intent(in), optional :: initial, unit, help
    type(sheaf_param) :: param
    param%name = sheaf_string(name)
    param%type = type
    if (present(initial)) param%initial = sheaf_string(initial)
    if (present(unit)) param%unit = sheaf_string(unit)
    if (present(help)) param%help = sheaf_string(help)
  end function

  ! Fills a table but for its functions, which are all absent. The arrays are module variables with the attribute target.
  subroutine sheaf_describe(table, name, version, summary, inputs, params)
    type(sheaf_table), intent(out) :: table
    character(len=*), intent(in) :: name, version, summary
    type(sheaf_field), intent(in), target, contiguous, optional :: inputs(:)
    type(sheaf_param), intent(in), target, contiguous, optional :: params(:)
    type(sheaf_field) :: a_field
    type(sheaf_param) :: a_param
    table%head = sheaf_head(sheaf_kernel_abi, int(c_sizeof(table), c_int32_t), int(c_sizeof(a_field), c_int32_t), &
        int(c_sizeof(a_param), c_int32_t), sheaf_string(name))
    table%version = sheaf_string(version)
    table%summary = sheaf_string(summary)
    table%flags = 0
    table%n_inputs = 0
    table%inputs = c_null_ptr
    table%n_params = 0
    table%params = c_null_ptr
    if (present(inputs)) then
      table%n_inputs = size(inputs, kind=c_int32_t)
      table%inputs = c_loc(inputs)
    end if
    if (present(params)) then
      table%n_params = size(params, kind=c_int32_t)
      table%params = c_loc(params)
    end if
    table%open = c_null_funptr
    table%close = c_null_funptr
    table%shared_bytes = c_null_funptr
    table%prepare = c_null_funptr
    table%thread_open = c_null_funptr
    table%thread_close = c_null_funptr
    table%map = c_null_funptr
  end subroutine

  ! --- open, prepare, thread_open -------------------------------------------------------------------------------------

  ! The value of param number i, as its type says.
  function sheaf_number(setup, i) result(value)
    type(sheaf_setup), intent(in) :: setup
    integer, intent(in) :: i
    real(c_double) :: value
    real(c_double), pointer :: values(:)
    call c_f_pointer(setup%params, values, [i])
    value = values(i)
  end function

  function sheaf_integer(setup, i) result(value)
    type(sheaf_setup), intent(in) :: setup
    integer, intent(in) :: i
    integer(c_int64_t) :: value
    integer(c_int64_t), pointer :: values(:)
    call c_f_pointer(setup%params, values, [i])
    value = values(i)
  end function

  ! A text, or the path of a file.
  function sheaf_words(setup, i) result(value)
    type(sheaf_setup), intent(in) :: setup
    integer, intent(in) :: i
    character(len=:), allocatable :: value
    type(c_ptr), pointer :: values(:)
    character(kind=c_char), pointer :: bytes(:)
    integer :: n, j
    call c_f_pointer(setup%params, values, [i])
    call c_f_pointer(values(i), bytes, [huge(0)])
    n = 0
    do while (bytes(n + 1) /= c_null_char)
      n = n + 1
    end do
    allocate (character(len=n) :: value)
    do j = 1, n
      value(j:j) = bytes(j)
    end do
  end function

  ! Why the setup cannot be used: rc = sheaf_refuse(setup, '…'); return
  function sheaf_refuse(setup, message) result(rc)
    type(sheaf_setup), intent(in) :: setup
    character(len=*), intent(in) :: message
    integer(c_int32_t) :: rc
    procedure(sheaf_refuse_text_service), pointer :: refuse
    call c_f_procpointer(setup%refuse_text, refuse)
    rc = refuse(setup, message, len(message, c_size_t))
  end function

  subroutine warn_setup(setup, message)
    type(sheaf_setup), intent(in) :: setup
    character(len=*), intent(in) :: message
    procedure(sheaf_setup_warn_service), pointer :: warn
    call c_f_procpointer(setup%warn_text, warn)
    call warn(setup, message, len(message, c_size_t))
  end subroutine

  ! --- map ------------------------------------------------------------------------------------------------------------

  function find_column(columns, i) result(address)
    type(c_ptr), intent(in) :: columns
    integer, intent(in) :: i
    type(c_ptr) :: address
    type(c_ptr), pointer :: all(:)
    call c_f_pointer(columns, all, [i])
    address = all(i)
  end function

  ! The columns of input and output number i: call c_f_pointer(sheaf_input(block, 1), x, [block%n]), with the shape
  ! [width, block%n] for a field of several values.
  function sheaf_input(block, i) result(address)
    type(sheaf_block), intent(in) :: block
    integer, intent(in) :: i
    type(c_ptr) :: address
    address = find_column(block%in, i)
  end function

  function sheaf_output(block, i) result(address)
    type(sheaf_block), intent(in) :: block
    integer, intent(in) :: i
    type(c_ptr) :: address
    address = find_column(block%out, i)
  end function

  ! Item k of the block, or sheaf_whole_block, has failed.
  subroutine sheaf_fail(context, k, message)
    type(sheaf_context), intent(in) :: context
    integer(c_int64_t), intent(in) :: k
    character(len=*), intent(in) :: message
    procedure(sheaf_fail_text_service), pointer :: fail
    call c_f_procpointer(context%fail_text, fail)
    call fail(context, k - 1, message, len(message, c_size_t))
  end subroutine

  subroutine sheaf_end(context, k, outcome, message)
    type(sheaf_context), intent(in) :: context
    integer(c_int64_t), intent(in) :: k
    integer(c_int32_t), intent(in) :: outcome
    character(len=*), intent(in) :: message
    procedure(sheaf_end_text_service), pointer :: end_item
    call c_f_procpointer(context%end_text, end_item)
    call end_item(context, k - 1, outcome, message, len(message, c_size_t))
  end subroutine

  subroutine sheaf_give_back(context, k)
    type(sheaf_context), intent(in) :: context
    integer(c_int64_t), intent(in) :: k
    procedure(sheaf_give_back_service), pointer :: give_back
    call c_f_procpointer(context%give_back, give_back)
    call give_back(context, k - 1)
  end subroutine

  function sheaf_should_stop(context) result(stop_now)
    type(sheaf_context), intent(in) :: context
    logical :: stop_now
    procedure(sheaf_should_stop_service), pointer :: should_stop
    call c_f_procpointer(context%should_stop, should_stop)
    stop_now = should_stop(context) /= 0
  end function

  subroutine warn_context(context, message)
    type(sheaf_context), intent(in) :: context
    character(len=*), intent(in) :: message
    procedure(sheaf_context_warn_service), pointer :: warn
    call c_f_procpointer(context%warn_text, warn)
    call warn(context, message, len(message, c_size_t))
  end subroutine

  ! The value of output number i, a text, of item k.
  subroutine sheaf_emit_text(context, k, i, text)
    type(sheaf_context), intent(in) :: context
    integer(c_int64_t), intent(in) :: k
    integer, intent(in) :: i
    character(len=*), intent(in) :: text
    procedure(sheaf_emit_text_service), pointer :: emit
    call c_f_procpointer(context%emit_text, emit)
    call emit(context, k - 1, int(i - 1, c_int32_t), text, len(text, c_size_t))
  end subroutine

  ! Begins the stream of random numbers of item k.
  subroutine sheaf_begin_random(context, k, stream)
    type(sheaf_context), intent(in) :: context
    integer(c_int64_t), intent(in) :: k
    type(sheaf_random), intent(out) :: stream
    procedure(sheaf_random_service), pointer :: begin
    call c_f_procpointer(context%random, begin)
    call begin(context, k - 1, stream)
  end subroutine

  ! The next numbers of the stream, in [0, 1).
  subroutine sheaf_uniform(context, stream, values)
    type(sheaf_context), intent(in) :: context
    type(sheaf_random), intent(inout) :: stream
    real(c_double), intent(out), contiguous :: values(:)
    procedure(sheaf_uniform_service), pointer :: uniform
    call c_f_procpointer(context%uniform, uniform)
    call uniform(stream, size(values, kind=c_int64_t), values)
  end subroutine

end module
