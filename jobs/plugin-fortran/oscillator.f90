! oscillator.f90 - a kernel to copy from: where a damped oscillator is after some time.
!
!     x'' + 2 d f x' + f**2 x = 0,    x(0) = 1, x'(0) = 0
!
! f is its angular frequency, d its damping, integrated by the classical Runge-Kutta method as a model of your own would
! be. `make` builds it, oscillator.yaml runs it, `sheaf kernels ./oscillator.so:oscillator` shows what it takes and gives.
module oscillator
  use, intrinsic :: iso_c_binding
  use sheaf_kernel
  implicit none
  private
  public :: oscillator_table

  ! What open works out once and every call of map reads.
  type :: model
    integer(c_int64_t) :: steps
  end type

  type(sheaf_table), target, save :: table
  type(sheaf_field), target, save :: inputs(3), outputs(2)
  type(sheaf_param), target, save :: params(1)

contains

  ! The one symbol Sheaf looks for: `kernel: ./oscillator.so:oscillator` asks for sheaf_kernel_oscillator_table.
  function oscillator_table() bind(c, name='sheaf_kernel_oscillator_table') result(address)
    type(c_ptr) :: address
    inputs(1) = sheaf_new_field('frequency', sheaf_float64, unit='s-1', long_name='angular frequency')
    inputs(2) = sheaf_new_field('damping', sheaf_float64, unit='1', long_name='damping, 1 is critical')
    inputs(3) = sheaf_new_field('time', sheaf_float64, unit='s', long_name='when')
    outputs(1) = sheaf_new_field('state', sheaf_float64, width=2_c_int64_t, long_name='x and its derivative')
    outputs(2) = sheaf_new_field('swings', sheaf_int64, unit='1', long_name='how often x has changed its sign')
    params(1) = sheaf_new_param('steps', sheaf_int64, initial='1000', help='steps of the integration')
    call sheaf_describe(table, 'oscillator', '1', 'a damped oscillator after some time', inputs, params)
    table%open = c_funloc(oscillator_open)
    table%close = c_funloc(oscillator_close)
    table%map = c_funloc(oscillator_map)
    address = c_loc(table)
  end function

  function oscillator_open(setup, shape, self) bind(c) result(rc)
    type(sheaf_setup), intent(in) :: setup
    type(sheaf_shape), intent(inout) :: shape
    type(c_ptr), intent(out) :: self
    integer(c_int32_t) :: rc
    type(model), pointer :: mine
    self = c_null_ptr
    if (sheaf_integer(setup, 1) < 1) then
      rc = sheaf_refuse(setup, 'steps must be above zero')
      return
    end if
    allocate (mine)
    mine%steps = sheaf_integer(setup, 1)
    self = c_loc(mine)
    shape%n_outputs = size(outputs)
    shape%outputs = c_loc(outputs)
    shape%block = 1          ! an item takes a tenth of a millisecond
    shape%flags = sheaf_pure ! the same inputs give the same outputs, whichever item they are
    rc = 0
  end function

  subroutine oscillator_close(self) bind(c)
    type(c_ptr), value :: self
    type(model), pointer :: mine
    call c_f_pointer(self, mine)
    deallocate (mine)
  end subroutine

  function oscillator_map(self, context, block) bind(c) result(rc)
    type(c_ptr), value :: self
    type(sheaf_context), intent(in) :: context
    type(sheaf_block), intent(in) :: block
    integer(c_int32_t) :: rc
    type(model), pointer :: mine
    real(c_double), pointer :: frequency(:), damping(:), time(:), state(:, :)
    integer(c_int64_t), pointer :: swings(:)
    integer(c_int64_t) :: k
    character(len=80) :: message
    call c_f_pointer(self, mine)
    call c_f_pointer(sheaf_input(block, 1), frequency, [block%n])
    call c_f_pointer(sheaf_input(block, 2), damping, [block%n])
    call c_f_pointer(sheaf_input(block, 3), time, [block%n])
    call c_f_pointer(sheaf_output(block, 1), state, [2_c_int64_t, block%n])
    call c_f_pointer(sheaf_output(block, 2), swings, [block%n])
    do k = 1, block%n
      ! A bad item is the item's own affair: say what is wrong with it, and go on. The `.not.` catches NaN too.
      if (.not. damping(k) >= 0) then
        write (message, '(a, g0.6, a)') 'damping is ', damping(k), ': it must not be negative'
        call sheaf_fail(context, k, trim(message))
      else
        call integrate(frequency(k), damping(k), time(k), mine%steps, state(:, k), swings(k))
      end if
    end do
    rc = sheaf_ok
  end function

  pure subroutine integrate(f, d, time, steps, y, swings)
    real(c_double), intent(in) :: f, d, time
    integer(c_int64_t), intent(in) :: steps
    real(c_double), intent(out) :: y(2)
    integer(c_int64_t), intent(out) :: swings
    real(c_double) :: h, k1(2), k2(2), k3(2), k4(2), before
    integer(c_int64_t) :: i
    h = time / real(steps, c_double)
    y = [1, 0]
    swings = 0
    do i = 1, steps
      before = y(1)
      k1 = derivative(y)
      k2 = derivative(y + h / 2 * k1)
      k3 = derivative(y + h / 2 * k2)
      k4 = derivative(y + h * k3)
      y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
      if (before * y(1) < 0) swings = swings + 1
    end do
  contains
    pure function derivative(u)
      real(c_double), intent(in) :: u(2)
      real(c_double) :: derivative(2)
      derivative = [u(2), -2 * d * f * u(2) - f**2 * u(1)]
    end function
  end subroutine

end module
