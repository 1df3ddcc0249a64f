! services.f90 - a kernel in Fortran that uses what the example (jobs/plugin-fortran) does not; built by the test that
! runs it. Input word (text); outputs u[3] = the first random numbers of the item, said (text) = "WORD, factor of N items",
! z = the number in the file `table` times `factor`, as float32. Item 2 (from 0) fails, 3 timed out, 5 is given back.
module services
  use, intrinsic :: iso_c_binding
  use sheaf_kernel
  implicit none
  private
  public :: services_table

  type :: model
    real(c_double) :: number
    character(len=:), allocatable :: word
  end type

  type(sheaf_table), target, save :: table
  type(sheaf_field), target, save :: inputs(1), outputs(3)
  type(sheaf_param), target, save :: params(3)

contains

  function services_table() bind(c, name='sheaf_kernel_services_table') result(address)
    type(c_ptr) :: address
    inputs(1) = sheaf_new_field('word', sheaf_text)
    outputs(1) = sheaf_new_field('u', sheaf_float64, width=3_c_int64_t)
    outputs(2) = sheaf_new_field('said', sheaf_text)
    outputs(3) = sheaf_new_field('z', sheaf_float32)
    params(1) = sheaf_new_param('table', sheaf_file)
    params(2) = sheaf_new_param('factor', sheaf_float64, initial='1.5')
    params(3) = sheaf_new_param('word', sheaf_text, initial='factor')
    call sheaf_describe(table, 'services', '1', 'uses all that there is', inputs, params)
    table%open = c_funloc(services_open)
    table%close = c_funloc(services_close)
    table%thread_open = c_funloc(services_thread_open)
    table%thread_close = c_funloc(services_thread_close)
    table%map = c_funloc(services_map)
    address = c_loc(table)
  end function

  function services_open(setup, shape, self) bind(c) result(rc)
    type(sheaf_setup), intent(in) :: setup
    type(sheaf_shape), intent(inout) :: shape
    type(c_ptr), intent(out) :: self
    integer(c_int32_t) :: rc
    type(model), pointer :: mine
    integer :: unit
    self = c_null_ptr
    rc = 0
    if (setup%n_threads < 1) rc = sheaf_refuse(setup, 'no threads')
    if (setup%struct_size < c_sizeof(setup)) rc = sheaf_refuse(setup, 'an older Sheaf')
    if (sheaf_number(setup, 2) < 0) rc = sheaf_refuse(setup, 'the factor is negative')
    if (rc /= 0) return
    allocate (mine)
    open (newunit=unit, file=sheaf_words(setup, 1), action='read')
    read (unit, *) mine%number
    close (unit)
    mine%number = mine%number * sheaf_number(setup, 2)
    mine%word = sheaf_words(setup, 3)
    call sheaf_warn(setup, 'opened in Fortran')
    self = c_loc(mine)
    shape%n_outputs = size(outputs)
    shape%outputs = c_loc(outputs)
    shape%block = 4
  end function

  subroutine services_close(self) bind(c)
    type(c_ptr), value :: self
    type(model), pointer :: mine
    call c_f_pointer(self, mine)
    deallocate (mine)
  end subroutine

  function services_thread_open(self, setup, thread_self) bind(c) result(rc)
    type(c_ptr), value :: self
    type(sheaf_setup), intent(in) :: setup
    type(c_ptr), intent(out) :: thread_self
    integer(c_int32_t) :: rc
    integer(c_int32_t), pointer :: own
    allocate (own)
    own = 100 + setup%thread
    thread_self = c_loc(own)
    rc = merge(0, -1, c_associated(self))
  end function

  subroutine services_thread_close(self, thread_self) bind(c)
    type(c_ptr), value :: self, thread_self
    integer(c_int32_t), pointer :: own
    call c_f_pointer(thread_self, own)
    if (c_associated(self)) deallocate (own)
  end subroutine

  function services_map(self, context, block) bind(c) result(rc)
    type(c_ptr), value :: self
    type(sheaf_context), intent(in) :: context
    type(sheaf_block), intent(in) :: block
    integer(c_int32_t) :: rc
    type(model), pointer :: mine
    type(sheaf_text_value), pointer :: words(:)
    real(c_double), pointer :: u(:, :)
    real(c_float), pointer :: z(:)
    integer(c_int32_t), pointer :: own
    type(sheaf_random) :: stream
    character(len=200) :: line
    integer(c_int64_t) :: k
    call c_f_pointer(self, mine)
    call c_f_pointer(context%thread_self, own)
    call c_f_pointer(sheaf_input(block, 1), words, [block%n])
    call c_f_pointer(sheaf_output(block, 1), u, [3_c_int64_t, block%n])
    call c_f_pointer(sheaf_output(block, 3), z, [block%n])
    do k = 1, block%n
      call sheaf_begin_random(context, k, stream)
      call sheaf_uniform(context, stream, u(1:1, k))
      call sheaf_uniform(context, stream, u(2:3, k))
      z(k) = real(mine%number * merge(1, 0, own == 100 + context%thread), c_float)
      write (line, '(4a, i0, a)') as_text(words(k)), ', ', mine%word, ' of ', block%n, ' items'
      call sheaf_emit_text(context, k, 2, trim(line))
      if (block%first + k - 1 == 2) call sheaf_fail(context, k, 'two')
      if (block%first + k - 1 == 3) call sheaf_end(context, k, sheaf_timed_out, 'three')
      if (block%first + k - 1 == 5 .and. .not. sheaf_should_stop(context)) call sheaf_give_back(context, k)
    end do
    call sheaf_warn(context, 'mapped in Fortran')
    rc = sheaf_ok
  end function

  function as_text(value) result(text)
    type(sheaf_text_value), intent(in) :: value
    character(len=int(value%length)) :: text
    character(kind=c_char), pointer :: bytes(:)
    integer :: i
    call c_f_pointer(value%data, bytes, [value%length])
    do i = 1, len(text)
      text(i:i) = bytes(i)
    end do
  end function

end module
